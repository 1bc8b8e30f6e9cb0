"""Every model Dragoman knows: limits, capabilities, quirks, prices, names on each cloud."""
