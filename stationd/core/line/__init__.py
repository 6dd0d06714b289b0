"""The sea cable as a circuit: what a healthy line shows at both ends, and where a fault lies. Pure; no clock, no devices."""
