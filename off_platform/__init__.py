"""A Dagster data platform over three public sources: images, bins, product imports."""
