"""What the cluster tests share: installed releases, peers in the network, load, and stand-ins."""
