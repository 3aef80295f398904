"""What any program needs: devices, random streams, progress, lazy imports, and exit statuses with a message."""
