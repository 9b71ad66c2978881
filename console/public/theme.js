// Runs before the first paint, so that a chosen theme does not flash in the other one. "auto" sets nothing.
try {
  const theme = localStorage.getItem("bedplate.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off: the theme follows the system.
}
