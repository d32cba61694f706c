"""What operations run in: their context, tasks, undo journal, guard, and the way to the back ends."""
