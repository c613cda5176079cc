"""Live audio: devices, rings, the model's thread, the mix, in a process of their own."""
