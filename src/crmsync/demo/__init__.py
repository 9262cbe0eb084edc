"""The whole loop on one machine: a sandbox, a configuration for it, and some weeks of virtual time."""
