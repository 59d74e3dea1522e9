"""What runs by itself: durable schedules, the process action, decisions."""
