"""The statistics of certificates: plan, test, detector. Plain Python and pure; nothing here knows of records or files."""
