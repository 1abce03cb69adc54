"""The database: tables, migrations and transactions, alike on SQLite and PostgreSQL."""
