"""Work on Ray: on this machine, and on a cluster of two nodes."""
