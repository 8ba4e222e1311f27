"""What operators run: doctor, replay, bench, demo."""
