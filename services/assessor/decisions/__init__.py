"""What the assessor decides with: thresholds, certificates, and the light of an answer."""
