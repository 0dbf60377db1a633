"""The code location of the project, with sensors that look as often as Dagster's daemon lets them.

Nothing else differs: what the tests wait for comes after seconds instead of a quarter of a minute.
"""

from off_platform.automation import alert_sensors, sensors

sensors.INBOX_SECONDS = alert_sensors.SECONDS = 1

from off_platform.definitions import defs  # noqa: E402 - the sensors are made as it is imported

__all__ = ["defs"]
