"""Three tiny sites that do the same, one per framework: a shelf for pictures."""
