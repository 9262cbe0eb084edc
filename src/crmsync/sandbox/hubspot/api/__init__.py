"""What programs ask of the portal: one module per family of endpoints, one table (`routes.py`) that names them all."""
