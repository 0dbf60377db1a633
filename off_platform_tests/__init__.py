"""The promises of off_platform, told as tests; the folders mirror the package."""
