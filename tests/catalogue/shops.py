"""A shop's own database, made by its own statements."""

from collections.abc import Callable

import sqlalchemy as sa

Run = Callable[[str], None]


def run_on(database_url: str, sql: str) -> None:
    """Run SQL statements, separated by semicolons."""
    engine = sa.create_engine(database_url)
    try:
        with engine.begin() as connection:
            for statement in sql.split(";"):
                if statement.strip():
                    connection.exec_driver_sql(statement)
    finally:
        engine.dispose()
