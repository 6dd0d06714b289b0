"""The control socket and the one-shot shell: who is there, what they may see and order, and how it is said on a screen."""
