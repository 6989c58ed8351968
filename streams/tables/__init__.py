"""Rows of tables (CSV, JSONL, parquet, Excel) become events, by a map that the shop writes."""
