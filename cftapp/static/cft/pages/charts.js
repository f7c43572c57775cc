/* Charts: a cursor that reads the lines at its place, by pointer or arrow keys. */

import { $, $$, announce } from "../script/page.js";
import { isQuiet } from "../script/swaps.js";

const charts = new WeakMap();

function chartOf(svg) {
  if (!charts.has(svg)) charts.set(svg, readChart(svg));
  return charts.get(svg);
}

function readChart(svg) {
  const figure = svg.closest("[data-chart]");
  const [xLow, xHigh, yLow, yHigh] = figure.dataset.domain.split(" ").map(Number);
  const lines = $$("polyline", svg).map((line) => ({
    name: line.dataset.name,
    points: line.getAttribute("points").trim().split(" ").map((pair) => pair.split(",").map(Number)),
  }));
  const cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
  cursor.setAttribute("class", "cursor");
  cursor.setAttribute("y1", "0");
  cursor.setAttribute("y2", "1000");
  return { lines, cursor, xLow, xHigh, yLow, yHigh, x: figure.dataset.x, out: $(".readout", figure), at: 1000 };
}

function readAt(svg, at) {
  const chart = chartOf(svg);
  chart.at = Math.min(1000, Math.max(0, at));
  chart.cursor.setAttribute("x1", chart.at);
  chart.cursor.setAttribute("x2", chart.at);
  if (!chart.cursor.isConnected) svg.append(chart.cursor);
  const x = chart.xLow + (chart.at / 1000) * (chart.xHigh - chart.xLow);
  const values = chart.lines.map((line) => `${line.name} ${valueAt(line.points, chart).toFixed(3)}`);
  chart.out.textContent = [`${chart.x} ${Math.round(x)}`, ...values].join("  ");
}

function valueAt(points, chart) {
  const nearest = points.reduce((best, p) => (Math.abs(p[0] - chart.at) < Math.abs(best[0] - chart.at) ? p : best));
  return chart.yHigh - (nearest[1] / 1000) * (chart.yHigh - chart.yLow);
}

function onPointer(event) {
  const svg = event.target.closest?.(".chart .area");
  if (!svg) return;
  const box = svg.getBoundingClientRect();
  readAt(svg, ((event.clientX - box.left) / box.width) * 1000);
}

function onChartKey(event) {
  const svg = event.target.closest(".chart .area");
  const step = { ArrowLeft: -20, ArrowRight: 20, Home: -1000, End: 1000 }[event.key];
  if (!svg || !step) return;
  event.preventDefault();
  readAt(svg, chartOf(svg).at + step);
  announce(chartOf(svg).out.textContent);
}

/* Where a cursor stands outlives the swap of a polled node. */

let kept = null;

function onBeforeSwap(event) {
  const { target } = event.detail;
  if (!isQuiet(event) || !target?.id) return;
  const cursors = $$(".chart .area", target).map((area) => {
    const chart = charts.get(area);
    return chart?.cursor.isConnected ? chart.at : null;
  });
  kept = { id: target.id, cursors };
}

function onSwapped() {
  const node = kept && document.getElementById(kept.id);
  if (!node) return;
  const { cursors } = kept;
  kept = null;
  $$(".chart .area", node).forEach((area, index) => {
    if (cursors[index] != null) readAt(area, cursors[index]);
  });
}

document.addEventListener("keydown", onChartKey);
document.addEventListener("pointermove", onPointer);
document.addEventListener("htmx:beforeSwap", onBeforeSwap);
document.addEventListener("htmx:afterSwap", onSwapped);
