"""The example sites' shared parts, and the demo that runs them on real servers."""
