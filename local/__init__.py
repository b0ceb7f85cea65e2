"""The whole stack on one machine: what `signalbox demo` and `signalbox serve` start."""
