"""What parts of Signalbox promise each other. Each contract is defined here once and imported."""
