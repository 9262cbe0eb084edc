"""What authors of connectors and tests inherit: contracts that requests and replies are held against."""
