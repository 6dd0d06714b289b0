"""The ways out of the daemon: metrics, web page, MQTT. They read the board and never touch the equipment."""
