"""Windows as Dagster's partitions.

A partition's key is the window's start as the core writes it (``2026-11-22T14``), so that a
key in Dagit, in the repository and on the command line is one text, and no table translates.
"""

from datetime import datetime

import dagster as dg

from photosearch.windows import Granularity, Window


def partitions_of(granularity: Granularity, start: datetime) -> dg.TimeWindowPartitionsDefinition:
    """The partitions of a granularity from the timeline's start; a window becomes one when over."""
    text = start.strftime(granularity.start_format)
    form = granularity.start_format
    if granularity is Granularity.HOURLY:
        return dg.HourlyPartitionsDefinition(start_date=text, fmt=form, timezone="UTC")
    if granularity is Granularity.DAILY:
        return dg.DailyPartitionsDefinition(start_date=text, fmt=form, timezone="UTC")
    return dg.MonthlyPartitionsDefinition(start_date=text, fmt=form, timezone="UTC")


def window_of(granularity: Granularity, partition_key: str) -> Window:
    """The window whose start a partition key writes."""
    return Window.parse(f"{granularity}/{partition_key}")
