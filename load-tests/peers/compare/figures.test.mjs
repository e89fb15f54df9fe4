import assert from "node:assert/strict";
import { test } from "node:test";
import { median, rows, shown } from "./figures.mjs";
import { between } from "./page.mjs";
import { bars } from "./plot.mjs";

const run = (name, cpu_us) => ({ name, cpu_us });

test("a median of an even count lies between the two in the middle", () => {
  assert.equal(median([5, 1, 3]), 3);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([10, 9, 100]), 10);
});

test("a row has the median of all rounds and how far they lie apart", () => {
  const found = rows(["a"], [run("a", 3), run("b", 9), run("a", 1), run("a", 2)], 3, ["cpu_us"]);
  assert.deepEqual(found, [{ name: "a", cpu_us: { median: 2, least: 1, greatest: 3 } }]);
});

test("a round or a figure too few is an error and never a hole", () => {
  assert.throws(() => rows(["a"], [run("a", 3)], 3, ["cpu_us"]), /a has 1 of 3 rounds/);
  assert.throws(() => rows(["a", "b"], [run("a", 3)], 1, ["cpu_us"]), /b has 0 of 1 rounds/);
  for (const hole of [undefined, null, NaN]) {
    assert.throws(() => rows(["a"], [run("a", hole)], 1, ["cpu_us"]), /a has no cpu_us/);
  }
});

test("figures are shown with three digits", () => {
  assert.deepEqual([0, 0.612, 8.25, 17.64, 240.4, 12345].map(shown), [
    "0",
    "0.61",
    "8.25",
    "17.6",
    "240",
    "12,345",
  ]);
});

test("only what stands between the marks of a page is replaced, and both must be there", () => {
  assert.equal(
    between("a\n<!-- x -->\nold\n<!-- x: end -->\nb", "x", "new"),
    "a\n<!-- x -->\nnew\n<!-- x: end -->\nb",
  );
  assert.throws(() => between("a\n<!-- x -->\n", "x", "new"), /x: end/);
  assert.throws(() => between("<!-- x: end -->\n<!-- x -->", "x", "new"), /x/);
});

test("the longest bar belongs to the greatest value and names are escaped", () => {
  const drawn = bars([
    {
      title: "T",
      unit: "µs",
      bars: [
        { name: "a & b", value: 10 },
        { name: "c", value: 5 },
      ],
    },
  ]);
  const widths = [...drawn.matchAll(/<rect class="bar"[^>]* width="([\d.]+)"/g)].map((found) =>
    Number(found[1]),
  );
  assert.equal(widths.length, 2);
  assert.ok(Math.abs(widths[0] - 2 * widths[1]) < 0.2, `${widths}`);
  assert.ok(drawn.includes("a &amp; b") && !drawn.includes("a & b"));
});
