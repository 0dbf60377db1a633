"""Jobs, schedules, sensors and alerts: what runs without anybody watching."""
