"""Jobs, schedules, sensors and alerts: what runs unattended."""
