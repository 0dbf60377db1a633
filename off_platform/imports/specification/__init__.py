"""The document as data: fields, rules, tables, schemas."""
