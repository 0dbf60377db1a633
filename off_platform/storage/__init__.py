"""Bytes and tables: object stores, transfer of many objects, the lake."""
