"""Programs of a comparison that run as processes of their own."""
