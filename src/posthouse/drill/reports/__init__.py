"""What a run is told as: one document (``drill-report/1``), and every other form made of it."""
