"""Spark reads a table from the place, with the names and the types that Glue has for it. On the newest Airflow alone."""

from __future__ import annotations

from support.readers_python import in_readers

KINDS = {"flag": "bool", "whole": "int64", "broken": "float64", "day": "date", "at": "timestamp[us]"}
FIRST = b"Invoice Number,Flag,Whole,Broken,Day,At\nI1,true,7,1.5,2026-11-23,2026-11-23 01:02:03\n"
SECOND = b"Invoice Number,Custom,Whole\nI2,x,8\n"


def test_spark_reads_what_glue_describes(glue, tmp_path):
    glue.register(glue.land(0, {"Invoices.csv": FIRST}, types=KINDS))
    glue.register(glue.land(1, {"Invoices.csv": SECOND}, types=KINDS))
    glue.read(tmp_path)  # copies the objects
    table = glue.table()
    root = table["StorageDescriptor"]["Location"].removeprefix(f"s3://{glue.store.bucket}/")
    keys = [f"{each['Name']} {each['Type']}" for each in table["PartitionKeys"]]
    columns = [f"`{name}` {kind}" for name, kind in glue.columns().items()]
    create = (
        f"CREATE TABLE invoices ({', '.join([*columns, *keys])}) USING parquet "
        f"PARTITIONED BY ({', '.join(each['Name'] for each in table['PartitionKeys'])}) LOCATION '{tmp_path / root}'"
    )
    sql = [create, "MSCK REPAIR TABLE invoices", "SELECT * FROM invoices ORDER BY window_start"]
    (answer,) = in_readers("read_tables.py", [{"engine": "spark", "sql": sql}], tmp_path)
    first, second = answer["rows"]
    assert {name: first[name] for name in ("invoice_number", "flag", "whole", "broken", "day", "at", "custom")} == {
        "invoice_number": "I1",
        "flag": "True",
        "whole": "7",
        "broken": "1.5",
        "day": "2026-11-23",
        "at": "23-Nov-2026 01:02",
        "custom": None,
    }
    assert (second["invoice_number"], second["custom"], second["whole"], second["flag"]) == ("I2", "x", "8", None)
    assert [(each["site"], each["window_start"]) for each in (first, second)] == [
        ("acme", "20261120T000000Z"),
        ("acme", "20261121T000000Z"),
    ]
