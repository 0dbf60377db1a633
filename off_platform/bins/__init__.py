"""The bins wing: Amazon's bin photos, from the listing to splits that do not leak."""
