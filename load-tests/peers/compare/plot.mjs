// Bars as SVG, one panel beneath the other. Owns the drawing; knows no server.

import { shown } from "./figures.mjs";

const WIDTH = 820;
const NAMES = 210;
const VALUES = 90;
const BAR = 18;
const STEP = 26;
const HEAD = 44;

/** Each panel: `{ title, unit, bars: [{ name, value, ours }] }`. */
export function bars(panels) {
  let y = 0;
  const drawn = panels.map((panel) => {
    const at = y;
    y += HEAD + panel.bars.length * STEP + 14;
    return drawPanel(panel, at);
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" ` +
      `width="${WIDTH}" height="${y}" role="img">`,
    "<style>text{font:13px system-ui,sans-serif;fill:#24292f}" +
      ".title{font-weight:600;font-size:14px}" +
      ".bar{fill:#8c959f}.ours{fill:#0969da}</style>",
    `<rect width="${WIDTH}" height="${y}" fill="#ffffff"/>`,
    ...drawn,
    "</svg>",
    "",
  ].join("\n");
}

function drawPanel({ title, unit, bars }, top) {
  const greatest = Math.max(...bars.map((bar) => bar.value));
  const scale = (WIDTH - NAMES - VALUES) / greatest;
  const lines = [`<text class="title" x="12" y="${top + 28}">${escaped(title)}</text>`];
  bars.forEach(({ name, value, ours }, index) => {
    const y = top + HEAD + index * STEP;
    const width = Math.max(value * scale, 1);
    lines.push(
      `<text x="${NAMES - 10}" y="${y + 14}" text-anchor="end">${escaped(name)}</text>`,
      `<rect class="${ours ? "ours" : "bar"}" x="${NAMES}" y="${y}" ` +
        `width="${width.toFixed(1)}" height="${BAR}"/>`,
      `<text x="${(NAMES + width + 8).toFixed(1)}" y="${y + 14}">` +
        `${shown(value)} ${escaped(unit)}</text>`,
    );
  });
  return lines.join("\n");
}

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/"/g, "&quot;");
