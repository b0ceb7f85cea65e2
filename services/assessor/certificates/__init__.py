"""What people and programs see of the certificates: their states and their histories."""
