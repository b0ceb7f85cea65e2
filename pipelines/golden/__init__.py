"""Golden job: labeled rows through the served path, to find a change that no name of a release tells."""
