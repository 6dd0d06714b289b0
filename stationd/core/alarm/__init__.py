"""The alarm machine, from conditions to letters, causes and people. `desk.Alarms` is the door; all of it is pure."""
