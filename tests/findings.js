// What axe finds in this page. Rules whose findings never are serious (by their own impact) are left out.
// Contrast takes most of the time, and a log has hundreds of texts that are alike: of each kind three are judged, the
// first, the one in the middle and the last. Alike are texts that are styled alike, and so is all that they are in.
async () => {
  const names = ["class", "style", "disabled", "aria-disabled", "aria-hidden"];
  const kinds = new Map();
  const numbers = new Map();
  const kindOf = (element) => {
    if (!element) return 0;
    if (!kinds.has(element)) {
      const style = getComputedStyle(element);
      const drawn = [style.color, style.fill, style.backgroundColor, style.backgroundImage, style.opacity, style.visibility];
      const set = [style.fontSize, style.fontWeight, style.textShadow, style.display, style.position];
      const told = [element.tagName, ...names.map((name) => element.getAttribute(name))];
      const whole = [kindOf(element.parentElement), ...told, ...drawn, ...set].join("|");
      if (!numbers.has(whole)) numbers.set(whole, numbers.size + 1);
      kinds.set(element, numbers.get(whole));
    }
    return kinds.get(element);
  };
  const hasText = (element) =>
    element.matches("input, textarea, select") ||
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  const alike = new Map();
  for (const element of document.body.querySelectorAll("*")) {
    if (!hasText(element) || !element.getClientRects().length) continue;
    const kind = kindOf(element);
    if (!alike.has(kind)) alike.set(kind, []);
    alike.get(kind).push(element);
  }
  const judged = new Set([...alike.values()].flatMap((all) => [all[0], all[all.length >> 1], all.at(-1)]));
  const contrast = axe._audit.rules.find((rule) => rule.id === "color-contrast");
  axe.matchesContrast ??= contrast.matches;
  contrast.matches = (node, ...rest) => judged.has(node) && axe.matchesContrast(node, ...rest);

  const left = axe._audit.rules.filter((rule) => ["minor", "moderate"].includes(rule.impact));
  const rules = Object.fromEntries(left.map((rule) => [rule.id, { enabled: false }]));
  return (await axe.run({ resultTypes: ["violations"], rules })).violations;
}
