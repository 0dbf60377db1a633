"""The pages of a set for people and catalogues: card, charts, gallery, sheet, Croissant."""
