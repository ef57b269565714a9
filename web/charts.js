// Draws every <figure data-chart="{…}">: the page says what is to be seen, this file how it looks.
// The numbers stand in the page as a table too, so nothing is lost without scripts.
import { BarChart, CustomChart, HeatmapChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

echarts.use([
  BarChart, CustomChart, HeatmapChart, LineChart,
  GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, VisualMapComponent, SVGRenderer,
]);

/** The colour a CSS variable has now, light or dark. */
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function palette() {
  const names = ["ink", "soft", "line", "card", "paper", "accent", "warm", "good", "bad", "bar", "c1", "c2", "c3", "c4", "c5", "c6"];
  return Object.fromEntries(names.map((name) => [name, colour(name)]));
}

const sign = (value) => (value >= 0 ? "+" : "−");
const percent = (value) => (Math.abs(value) < 5e-4 ? "±0.0 %" : `${sign(value)}${Math.abs(100 * value).toFixed(1)} %`);
/** A share that may be small, with two digits that matter, of which there are so many that they fit. */
const fine = (value) => (Math.abs(value) < 1e-6 ? "±0 %" : `${sign(value)}${Number((100 * Math.abs(value)).toPrecision(2))} %`);
const short = (value) => (value === null ? "–" : Number(value.toPrecision(4)).toString());
const escaped = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const SHADES = 6;
/** A colour for one of several; when all are taken they come again, paler. */
const shade = (p, place) => ({ color: p[`c${(place % SHADES) + 1}`], opacity: place < SHADES ? 1 : 0.5 });

function common(p, words) {
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: p.ink },
    aria: { enabled: false },
    tooltip: {
      backgroundColor: p.card, borderColor: p.line, textStyle: { color: p.ink, fontSize: 12 }, confine: true,
      extraCssText: "box-shadow: 0 4px 14px rgb(0 0 0 / .12)",
    },
    legend: {
      type: "scroll", pageIconColor: p.accent, pageIconInactiveColor: p.line, pageTextStyle: { color: p.soft }, pageIconSize: 11,
      top: 0, left: "center", itemWidth: 16, itemHeight: 8, textStyle: { color: p.soft, fontSize: 12 }, icon: "roundRect",
    },
    title: words,
  };
}

function axis(p, more) {
  return {
    axisLine: { lineStyle: { color: p.line } },
    axisTick: { show: false },
    axisLabel: { color: p.soft, fontSize: 11, hideOverlap: true },
    splitLine: { lineStyle: { color: p.line, opacity: 0.6 } },
    nameTextStyle: { color: p.soft, fontSize: 11 },
    ...more,
  };
}

const kinds = {
  /** Gains with their intervals, one row a task; 0 is "alone". */
  gains(spec, p) {
    const tint = { better: p.good, worse: p.bad, same: p.soft };
    const values = spec.rows.flatMap((row) => [row.low, row.high, row.value]).filter((v) => v !== null);
    const reach = Math.max(0.01, ...values.map(Math.abs)) * 1.12;
    return {
      ...common(p),
      legend: undefined,
      grid: { left: 8, right: 16, top: 8, bottom: 28, containLabel: true },
      tooltip: {
        ...common(p).tooltip,
        formatter: ({ dataIndex }) => {
          const row = spec.rows[dataIndex];
          return `<b>${escaped(row.name)}</b> ${percent(row.value)}<br>95 %: ${percent(row.low)} … ${percent(row.high)}`;
        },
      },
      xAxis: axis(p, { type: "value", min: -reach, max: reach, axisLabel: { color: p.soft, fontSize: 11, formatter: percent, hideOverlap: true }, splitNumber: 4 }),
      yAxis: axis(p, { type: "category", inverse: true, data: spec.rows.map((row) => row.name), splitLine: { show: false }, axisLabel: { color: p.ink, fontSize: 12, width: 110, overflow: "truncate" } }),
      series: [{
        type: "custom",
        data: spec.rows.map((row, place) => [row.value, place, row.low, row.high]),
        encode: { x: [0, 2, 3], y: 1 },
        renderItem: (_, api) => {
          const row = spec.rows[api.value(1)];
          const [x, y] = api.coord([row.value, api.value(1)]);
          const [low] = api.coord([row.low, api.value(1)]);
          const [high] = api.coord([row.high, api.value(1)]);
          const stroke = tint[row.verdict] ?? p.soft;
          return {
            type: "group",
            children: [
              { type: "rect", shape: { x: low, y: y - 5, width: high - low, height: 10, r: 5 }, style: { fill: stroke, opacity: 0.28 } },
              { type: "circle", shape: { cx: x, cy: y, r: 6 }, style: { fill: stroke } },
            ],
          };
        },
        markLine: { silent: true, symbol: "none", label: { show: false }, lineStyle: { color: p.ink, type: "solid", opacity: 0.5 }, data: [{ xAxis: 0 }] },
      }],
    };
  },

  /** Lines over epochs or steps; `alone` is dashed. */
  lines(spec, p) {
    const tint = { joint: p.accent, alone: p.warm };
    const series = spec.series.map((one, place) => ({
      name: one.name,
      type: "line",
      data: one.points,
      symbolSize: 6,
      showSymbol: one.points.length < 30,
      color: tint[one.role] ?? shade(p, place).color,
      lineStyle: { width: 2, type: one.role === "alone" ? "dashed" : place < SHADES ? "solid" : "dotted" },
      markLine: one.kept ? { silent: true, symbol: "none", label: { show: false }, lineStyle: { color: tint[one.role] ?? p.soft, opacity: 0.45 }, data: [{ xAxis: one.kept }] } : undefined,
    }));
    return {
      ...common(p),
      grid: { left: 8, right: 14, top: 30, bottom: 26, containLabel: true },
      tooltip: { ...common(p).tooltip, trigger: "axis", valueFormatter: short },
      xAxis: axis(p, { type: "value", name: spec.x, nameLocation: "middle", nameGap: 24, minInterval: 1, min: ({ min, max }) => (min === max ? min - 1 : min), max: ({ min, max }) => (min === max ? max + 1 : max), splitLine: { show: false } }),
      yAxis: axis(p, { type: "value", scale: true, min: spec.low ?? undefined, max: spec.high ?? undefined, axisLabel: { color: p.soft, fontSize: 11, formatter: short } }),
      series,
    };
  },

  /** Predicted against observed; the diagonal is right. */
  calibration(spec, p) {
    const all = spec.series.flatMap((one) => one.points.flatMap(([x, y]) => [x, y]));
    const low = Math.min(...all), high = Math.max(...all);
    const tint = { joint: p.accent, alone: p.warm };
    const pad = (high - low) * 0.05 || 0.05;
    const from = spec.share ? Math.max(0, low - pad) : low - pad;
    const to = spec.share ? Math.min(1, high + pad) : high + pad;
    return {
      ...common(p),
      grid: { left: 8, right: 14, top: 30, bottom: 26, containLabel: true },
      tooltip: { ...common(p).tooltip, trigger: "item", formatter: ({ seriesName, data }) => `<b>${escaped(seriesName)}</b><br>${escaped(spec.x)} ${short(data[0])}<br>${escaped(spec.y)} ${short(data[1])}<br>n = ${data[2]}` },
      xAxis: axis(p, { type: "value", min: from, max: to, name: spec.x, nameLocation: "middle", nameGap: 24, axisLabel: { color: p.soft, fontSize: 11, formatter: short, hideOverlap: true, showMinLabel: false, showMaxLabel: false } }),
      yAxis: axis(p, { type: "value", min: from, max: to, axisLabel: { color: p.soft, fontSize: 11, formatter: short, showMinLabel: false, showMaxLabel: false } }),
      series: [
        { type: "line", data: [[from, from], [to, to]], showSymbol: false, silent: true, color: p.soft, lineStyle: { type: "dotted", width: 1.5 }, tooltip: { show: false } },
        ...spec.series.map((one) => ({ name: one.name, type: "line", data: one.points, symbolSize: 7, color: tint[one.role] ?? p.c1, lineStyle: { width: 2, type: one.role === "alone" ? "dashed" : "solid" } })),
      ],
      legend: { ...common(p).legend, data: spec.series.map((one) => one.name) },
    };
  },

  /** A table of numbers, coloured around 0. */
  heat(spec, p) {
    const cells = spec.values.flatMap((row, y) => row.map((value, x) => [x, y, value]));
    const reach = spec.reach ?? Math.max(1e-9, ...cells.map((c) => Math.abs(c[2] ?? 0)));
    const text = (value) => (value === null || value === undefined ? "" : spec.percent ? fine(value) : value.toFixed(2).replace(/^-(0\.00)$/, "$1"));
    return {
      ...common(p),
      legend: undefined,
      grid: { left: 8, right: 8, top: 6, bottom: 8, containLabel: true },
      tooltip: { ...common(p).tooltip, formatter: ({ value }) => `${escaped(spec.rows[value[1]])} → ${escaped(spec.columns[value[0]])}<br><b>${text(value[2] === "-" ? null : value[2]) || "–"}</b>` },
      xAxis: axis(p, { type: "category", data: spec.columns, position: "bottom", splitLine: { show: false }, axisLabel: { color: p.ink, fontSize: 11, interval: 0, rotate: spec.columns.length > 5 ? 40 : 0 } }),
      yAxis: axis(p, { type: "category", data: spec.rows, inverse: true, splitLine: { show: false }, axisLabel: { color: p.ink, fontSize: 11, width: 90, overflow: "truncate" } }),
      visualMap: { show: false, min: -reach, max: reach, inRange: { color: [p.bad, p.card, p.good] } },
      series: [{ type: "heatmap", data: cells.map((c) => ({ value: [c[0], c[1], c[2] ?? "-"], label: { color: Math.abs(c[2] ?? 0) > 0.75 * reach ? p.paper : p.ink } })), label: { show: spec.columns.length <= 8, fontSize: 11, formatter: ({ value }) => text(value[2] === "-" ? null : value[2]) }, itemStyle: { borderColor: p.card, borderWidth: 2, borderRadius: 4 } }],
    };
  },

  /** Parts of a whole, one bar a row. */
  stack(spec, p) {
    return {
      ...common(p),
      grid: { left: 8, right: 16, top: 30, bottom: 20, containLabel: true },
      tooltip: { ...common(p).tooltip, trigger: "axis", axisPointer: { type: "shadow" }, valueFormatter: (v) => `${(100 * v).toFixed(1)} %` },
      xAxis: axis(p, { type: "value", max: 1, axisLabel: { color: p.soft, fontSize: 11, formatter: (v) => `${Math.round(100 * v)} %` } }),
      yAxis: axis(p, { type: "category", inverse: true, data: spec.rows, splitLine: { show: false }, axisLabel: { color: p.ink, fontSize: 12, width: 110, overflow: "truncate" } }),
      series: spec.parts.map((part, place) => ({ name: part.name, type: "bar", stack: "all", barMaxWidth: 26, data: part.values, color: shade(p, place).color, itemStyle: { opacity: shade(p, place).opacity, borderColor: p.card, borderWidth: 1 } })),
    };
  },

  /** One bar a row. */
  bars(spec, p) {
    const write = (value) => (spec.percent ? `${(100 * value).toFixed(1)} %` : short(value));
    return {
      ...common(p),
      legend: undefined,
      grid: { left: 8, right: 56, top: 6, bottom: 20, containLabel: true },
      tooltip: { ...common(p).tooltip, valueFormatter: write },
      xAxis: axis(p, { type: "value", axisLabel: { color: p.soft, fontSize: 11, formatter: write, hideOverlap: true }, splitNumber: 3 }),
      yAxis: axis(p, { type: "category", inverse: true, data: spec.rows.map((row) => row.name), splitLine: { show: false }, axisLabel: { color: p.ink, fontSize: 12, width: 130, overflow: "truncate" } }),
      series: [{ type: "bar", barMaxWidth: 18, data: spec.rows.map((row) => row.value), color: p.accent, itemStyle: { borderRadius: [0, 4, 4, 0] }, label: { show: true, position: "right", color: p.soft, fontSize: 11, formatter: ({ value }) => write(value) } }],
    };
  },
};

const drawn = new Set();

function draw(figure) {
  const spec = JSON.parse(figure.dataset.chart);
  const place = figure.querySelector(".plot");
  const chart = echarts.getInstanceByDom(place) ?? echarts.init(place, null, { renderer: "svg" });
  chart.setOption(kinds[spec.kind](spec, palette()), true);
  figure.classList.add("drawn");
  drawn.add(chart);
}

function drawAll(root) {
  for (const chart of drawn) {
    if (!chart.getDom().isConnected) {
      chart.dispose();
      drawn.delete(chart);
    }
  }
  for (const figure of root.querySelectorAll("figure[data-chart]")) draw(figure);
}

new ResizeObserver(() => drawn.forEach((chart) => chart.resize())).observe(document.body);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(document));
document.addEventListener("htmx:afterSwap", (event) => drawAll(event.detail.target));
drawAll(document);
