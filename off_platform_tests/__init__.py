"""The promises of off_platform, as tests; the folders mirror the package."""
