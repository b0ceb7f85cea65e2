"""The GPUs at hand: as typed, or as a cluster reports them."""
