/*
 * Draws the charts of a report page and runs its buttons. Reads the JSON in #report-data (ChartSpec of
 * src/report/chart.ts) and the global uPlot that stands before it. No network, no storage but the theme choice.
 */
(() => {
  'use strict';
  const root = document.documentElement;
  const reading = document.getElementById('reading');
  const specs = JSON.parse(document.getElementById('report-data').textContent).charts;
  const charts = [];
  const colourOf = (name) => getComputedStyle(root).getPropertyValue(`--${name}`).trim();

  /* Numbers as text: valueText and tickText of src/report/chart-numbers.ts, put in here as they are. */
  /* NUMBERS */
  const show = (unit, value) => (value === null || value === undefined ? '–' : valueText(unit, value));

  /* One chart: its plot, its buttons, its state. */
  class Chart {
    constructor(spec, figure) {
      this.spec = spec;
      this.figure = figure;
      this.holder = figure.querySelector('.plot');
      this.hidden = spec.series.map((series) => series.hidden === true);
      this.logY = spec.y.scale === 'log';
      this.tail = false;
      this.zoom = null;
      this.makeTools();
      this.draw();
      this.bind();
    }

    get width() {
      return Math.max(240, this.printWidth ?? Math.floor(this.holder.clientWidth));
    }

    makeTools() {
      const tools = document.createElement('div');
      tools.className = 'tools';
      this.keys = this.spec.series.map((series, i) => {
        const key = button(series.label, () => {
          this.hidden[i] = !this.hidden[i];
          this.draw();
        });
        key.classList.add('key', series.colour);
        const mark = document.createElement('i');
        if (series.dashed) mark.className = 'dashed';
        if (series.style === 'points' || series.style === 'bars') mark.className = series.style;
        key.prepend(mark);
        tools.append(key);
        return key;
      });
      const acts = document.createElement('span');
      acts.className = 'acts';
      tools.append(acts);
      if (this.spec.tail) {
        this.tailKey = button('Tail', () => {
          this.tail = !this.tail;
          this.draw();
        });
        this.tailKey.title = 'Show the share of requests that took longer, on a log scale';
        acts.append(this.tailKey);
      } else if (this.spec.y.scale === 'linear' && !this.spec.y.range) {
        this.logKey = button('Log', () => {
          this.logY = !this.logY;
          this.draw();
        });
        this.logKey.title = 'Logarithmic scale';
        acts.append(this.logKey);
      }
      const zoomIn = button('+', () => this.zoomBy(0.5));
      zoomIn.setAttribute('aria-label', 'Zoom in');
      const zoomOut = button('−', () => this.zoomBy(2));
      zoomOut.setAttribute('aria-label', 'Zoom out');
      this.resetKey = button('Reset', () => this.setZoom(null));
      this.resetKey.setAttribute('aria-label', 'Reset zoom');
      const csv = button('CSV', () => this.saveCsv());
      csv.title = 'Save the chart’s numbers as CSV';
      const png = button('PNG', () => this.savePng());
      png.title = 'Save the chart as it is shown as PNG';
      acts.append(zoomIn, zoomOut, this.resetKey, csv, png);
      this.figure.querySelector('.chart').prepend(tools);
    }

    /* On steps a time belongs to the step that it lies in, not to the nearer edge. */
    indexAt(u, closest) {
      const steps = this.spec.series.some((series) => ['step', 'area', 'bars'].includes(series.style));
      const ahead = u.valToPos(this.spec.data[0][closest], 'x') > u.cursor.left + 1;
      return steps && closest > 0 && ahead ? closest - 1 : closest;
    }

    /* Values as drawn: 1 − y in the tail view, nothing below zero on a log scale. */
    columns() {
      const logarithmic = this.tail || this.logY;
      return this.spec.data.map((column, i) => {
        if (i === 0 || !logarithmic) return column;
        const values = this.tail ? column.map((v) => (v === null ? null : 1 - v)) : column;
        return values.map((v) => (v !== null && v > 1e-12 ? v : null));
      });
    }

    draw() {
      const { spec } = this;
      const left = this.plot ? this.plot.cursor.left : -1;
      if (this.plot) this.plot.destroy();
      this.keys.forEach((key, i) => key.setAttribute('aria-pressed', String(!this.hidden[i])));
      this.logKey?.setAttribute('aria-pressed', String(this.logY));
      this.tailKey?.setAttribute('aria-pressed', String(this.tail));
      this.resetKey.disabled = this.zoom === null;
      this.figure.querySelector('.y-label').textContent = this.tail ? 'share of requests above (log scale)' : spec.y.label;
      const low = spec.height === 'low';
      const ink = colourOf('ink');
      const grid = { stroke: colourOf('line'), width: 1 };
      const font = `12px ${getComputedStyle(document.body).fontFamily}`;
      const logY = this.tail || this.logY;
      const axis = (unit) => ({
        stroke: ink,
        font,
        grid,
        ticks: { ...grid, size: 4 },
        values: (_, ticks) => ticks.map((v) => (v === null ? '' : tickText(unit, v, ticks[ticks.length - 1]))),
      });
      this.plot = new uPlot(
        {
          width: this.width,
          height: low ? 170 : 260,
          legend: { show: false },
          padding: [8 + 15 * (spec.lines.filter((line) => line.axis === 'x').length + (spec.lines.some((line) => line.axis === 'y') ? 1 : 0)), 14, 0, 0],
          cursor: {
            y: false,
            drag: { x: true, y: false, setScale: false, dist: 6 },
            points: { size: 7 },
            dataIdx: (u, seriesIndex, closest) => this.indexAt(u, closest),
            sync: spec.group ? { key: spec.group, setSeries: false } : undefined,
          },
          scales: {
            x: { time: false, distr: spec.x.scale === 'log' ? 3 : 1, range: () => this.xRange() },
            y: { distr: logY ? 3 : 1, range: (_, min, max) => this.yRange(min, max, logY) },
          },
          axes: [
            { ...axis(spec.x.unit), size: 30, ...(spec.x.scale === 'log' ? logTicks(64) : { space: 64, ...stepsOf(spec.x.unit) }) },
            { ...axis(this.tail ? 'ratio' : spec.y.unit), size: axisSize, ...(logY ? logTicks(26) : { space: low ? 30 : 36, ...stepsOf(spec.y.unit) }) },
          ],
          series: [{}, ...spec.series.map((series, i) => this.seriesOptions(series, i))],
          hooks: {
            drawClear: [(u) => this.drawShades(u)],
            draw: [(u) => this.drawLines(u)],
            setCursor: [(u) => this.showTip(u)],
            setSelect: [(u) => this.onSelect(u)],
          },
        },
        this.columns(),
        this.holder,
      );
      this.plot.over.addEventListener('dblclick', () => this.setZoom(null));
      if (left >= 0) this.plot.setCursor({ left, top: 10 });
    }

    seriesOptions(series, i) {
      const stroke = colourOf(series.colour);
      const { linear, stepped, bars } = uPlot.paths;
      const steps = stepped({ align: 1 });
      const points = series.style === 'points' || series.style === 'line-points';
      return {
        label: series.label,
        show: !this.hidden[i],
        stroke,
        width: series.style === 'points' || series.style === 'bars' ? 0 : series.style === 'area' ? 1 : 2,
        dash: series.dashed ? [6, 4] : undefined,
        fill: series.style === 'bars' ? stroke : series.style === 'area' ? colourOf('shade') : undefined,
        spanGaps: points,
        paths: { line: linear(), step: steps, area: steps, bars: bars({ size: [0.92, 60], align: 1 }), points: () => null, 'line-points': linear() }[series.style],
        points: { show: points, size: series.style === 'points' && this.spec.data[0].length > 200 ? 3 : 7, fill: stroke, stroke, width: 0 },
      };
    }

    xRange() {
      const x = this.spec.data[0];
      if (this.zoom) return this.zoom;
      if (this.spec.x.range) return this.spec.x.range;
      const logX = this.spec.x.scale === 'log';
      const to = logX ? Math.log : Number;
      const back = logX ? Math.exp : Number;
      let [from, until] = [to(x[0]), to(x[x.length - 1])];
      if (from === until) return [back(from - 1), back(until + 1)];
      const room = 0.3 * (until - from);
      const values = this.spec.lines.filter((line) => line.axis === 'x').map((line) => to(line.value));
      const near = values.filter((value) => value > from - room && value < until + room);
      from = Math.min(from, ...near);
      until = Math.max(until, ...near);
      const pad = this.spec.x.unit === 'clock' ? 0 : (until - from) * 0.02;
      return [back(from - pad), back(until + pad)];
    }

    yRange(min, max, logarithmic) {
      const { y, lines } = this.spec;
      if (this.tail) return [Math.max(min ?? 1e-4, 1e-6), 1];
      if (y.range) return [y.range[0], y.range[1] + 0.02 * (y.range[1] - y.range[0])];
      if (min === null || max === null) return logarithmic ? [0.1, 1] : [0, 1];
      for (const line of lines) {
        if (line.axis !== 'y') continue;
        if (line.value > max && line.value <= max * (logarithmic ? 10 : 2.5)) max = line.value;
        if (logarithmic && line.value < min && line.value >= min / 10) min = line.value;
      }
      if (logarithmic) return [min / 1.25, max === min ? max * 2 : max * 1.25];
      return [0, max > 0 ? max * 1.08 : 1];
    }

    setZoom(range, follow = true) {
      this.zoom = range;
      this.resetKey.disabled = range === null;
      this.plot.setData(this.plot.data, true);
      if (!follow || !this.spec.group) return;
      for (const other of charts) if (other !== this && other.spec.group === this.spec.group) other.setZoom(range, false);
    }

    zoomBy(factor) {
      const logX = this.spec.x.scale === 'log';
      const to = (v) => (logX ? Math.log(v) : v);
      const back = (v) => (logX ? Math.exp(v) : v);
      const { min, max } = this.plot.scales.x;
      const at = this.plot.cursor.left >= 0 ? to(this.plot.posToVal(this.plot.cursor.left, 'x')) : (to(min) + to(max)) / 2;
      const zoom = this.zoom;
      this.zoom = null;
      const [fullMin, fullMax] = this.xRange().map(to);
      this.zoom = zoom;
      const from = Math.max(at - (at - to(min)) * factor, fullMin);
      const until = Math.min(at + (to(max) - at) * factor, fullMax);
      const whole = from <= fullMin && until >= fullMax;
      this.setZoom(whole ? null : [back(from), back(until)]);
    }

    onSelect(u) {
      if (u.select.width <= 0) return;
      const from = u.posToVal(u.select.left, 'x');
      const to = u.posToVal(u.select.left + u.select.width, 'x');
      u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      if (to > from) this.setZoom([from, to]);
    }

    drawShades(u) {
      for (const shade of this.spec.shades) {
        const left = Math.max(u.valToPos(shade.from, 'x', true), u.bbox.left);
        const right = Math.min(u.valToPos(shade.to, 'x', true), u.bbox.left + u.bbox.width);
        if (right <= left) continue;
        u.ctx.save();
        u.ctx.fillStyle = colourOf('shade');
        u.ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height);
        u.ctx.restore();
      }
    }

    /* Limits, knee, capacity: first every line, then every label on a patch of page colour. */
    drawLines(u) {
      const { ctx, bbox } = u;
      const ratio = uPlot.pxRatio;
      const rowHeight = 15 * ratio;
      const [right, bottom] = [bbox.left + bbox.width, bbox.top + bbox.height];
      ctx.save();
      ctx.font = `${11 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
      ctx.textAlign = 'left';
      ctx.textBaseline = 'alphabetic';
      ctx.lineWidth = 1.5 * ratio;
      ctx.setLineDash([5 * ratio, 4 * ratio]);
      let row = 0;
      const labels = [];
      for (const line of this.spec.lines) {
        const vertical = line.axis === 'x';
        const at = u.valToPos(line.value, vertical ? 'x' : 'y', true);
        const [low, high] = vertical ? [bbox.left, right] : [bbox.top, bottom];
        const inside = at >= low - 1 && at <= high + 1;
        const text = inside ? line.label : `${line.label} ${vertical ? (at > high ? '→' : '←') : at < low ? '↑' : '↓'}`;
        const width = ctx.measureText(text).width;
        const outsideTop = vertical || at < low - 1;
        const x = vertical ? Math.min(Math.max(at - width / 2, bbox.left), right - width) : bbox.left + 4 * ratio;
        const y = outsideTop ? bbox.top - 4 * ratio - rowHeight * row : Math.min(at, bottom) - 4 * ratio;
        if (outsideTop) row += 1;
        labels.push({ text, x, y, width, colour: colourOf(line.colour) });
        if (!inside) continue;
        ctx.strokeStyle = colourOf(line.colour);
        ctx.beginPath();
        ctx.moveTo(vertical ? at : bbox.left, vertical ? Math.min(y, bbox.top) : at);
        ctx.lineTo(vertical ? at : right, vertical ? bottom : at);
        ctx.stroke();
      }
      for (const { text, x, y, width, colour } of labels) {
        ctx.globalAlpha = 0.85;
        ctx.fillStyle = colourOf('page');
        ctx.fillRect(x - 2 * ratio, y - 10 * ratio, width + 4 * ratio, 13 * ratio);
        ctx.globalAlpha = 1;
        ctx.fillStyle = colour;
        ctx.fillText(text, x, y);
      }
      ctx.restore();
    }

    valuesAt(index) {
      const { spec } = this;
      const lines = spec.series.flatMap((series, i) => {
        const value = this.plot.data[i + 1][index];
        if (this.hidden[i] || value === null || value === undefined) return [];
        return [[series.label + (this.tail ? ' above' : ''), show(spec.y.unit, value)]];
      });
      return { head: show(spec.x.unit, spec.data[0][index]), lines };
    }

    showTip(u) {
      const { left } = u.cursor;
      const closest = u.cursor.idx;
      if (left === undefined || left < 0 || closest === null || closest === undefined) {
        this.tip?.remove();
        this.tip = null;
        return;
      }
      if (!this.tip || !this.tip.isConnected) {
        this.tip = document.createElement('div');
        this.tip.className = 'tip';
        this.tip.setAttribute('aria-hidden', 'true');
        this.holder.append(this.tip);
      }
      const idx = this.indexAt(u, closest);
      const { head, lines } = this.valuesAt(idx);
      const title = document.createElement('b');
      title.textContent = head;
      this.tip.replaceChildren(
        title,
        ...lines.map(([name, value]) => {
          const row = document.createElement('span');
          const strong = document.createElement('b');
          strong.textContent = value;
          row.append(document.createTextNode(name), strong);
          return row;
        }),
      );
      const x = u.over.offsetLeft + u.valToPos(this.spec.data[0][idx], 'x');
      const width = this.tip.offsetWidth;
      const place = x + 14 + width <= this.holder.clientWidth ? x + 14 : Math.max(0, x - 14 - width);
      this.tip.style.left = `${place}px`;
      this.tip.style.top = `${u.over.offsetTop + 4}px`;
    }

    bind() {
      this.holder.addEventListener('keydown', (event) => {
        const u = this.plot;
        const last = this.spec.data[0].length - 1;
        const index = u.cursor.left >= 0 ? (u.cursor.idx ?? 0) : -1;
        const moves = { ArrowRight: Math.min(index + 1, last), ArrowLeft: Math.max(index - 1, 0), Home: 0, End: last };
        if (event.key in moves && !event.ctrlKey && !event.metaKey && !event.altKey) {
          const to = moves[event.key];
          u.setCursor({ left: u.valToPos(this.spec.data[0][to], 'x'), top: 10 });
          const { head, lines } = this.valuesAt(to);
          reading.textContent = `${head}: ${lines.map(([name, value]) => `${name} ${value}`).join(', ')}`;
        } else if (event.key === '+' || event.key === '=') this.zoomBy(0.5);
        else if (event.key === '-') this.zoomBy(2);
        else if (event.key === '0') this.setZoom(null);
        else if (event.key === 'Escape') u.setCursor({ left: -10, top: -10 });
        else return;
        event.preventDefault();
      });
      this.holder.addEventListener('blur', () => this.plot.setCursor({ left: -10, top: -10 }));
      const touch = (event) => {
        if (event.touches.length !== 1) return;
        const box = this.plot.over.getBoundingClientRect();
        this.plot.setCursor({ left: event.touches[0].clientX - box.left, top: 10 });
      };
      this.holder.addEventListener('touchstart', touch, { passive: true });
      this.holder.addEventListener('touchmove', touch, { passive: true });
    }

    resize() {
      const { width } = this;
      if (Math.abs(width - this.plot.width) >= 1) this.plot.setSize({ width, height: this.plot.height });
    }

    saveCsv() {
      const cell = (text) => (/[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text);
      const { spec } = this;
      const rows = spec.data[0].map((_, i) => spec.data.map((column) => column[i] ?? '').join(','));
      const text = [[spec.x.label, ...spec.series.map((s) => s.label)].map(cell).join(','), ...rows, ''].join('\n');
      save(new Blob([text], { type: 'text/csv' }), `${spec.id}.csv`);
    }

    savePng() {
      const shown = this.holder.querySelector('canvas');
      const legend = this.spec.series.flatMap((series, i) => (this.hidden[i] ? [] : [{ label: series.label, colour: colourOf(series.colour) }]));
      savePicture(this.figure, shown, shown.width, shown.height, uPlot.pxRatio, legend);
    }
  }

  function save(blob, name) {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  /* A figure's picture with its title, legend and source on the page's colour. */
  function savePicture(figure, image, width, height, ratio, legend) {
    const head = 30 * ratio + (legend.length > 0 ? 20 * ratio : 0);
    const canvas = document.createElement('canvas');
    canvas.width = width + 24 * ratio;
    canvas.height = height + head + 34 * ratio;
    const ctx = canvas.getContext('2d');
    const family = getComputedStyle(document.body).fontFamily;
    ctx.fillStyle = colourOf('page');
    ctx.fillRect(0, 0, canvas.width, canvas.height);
    ctx.fillStyle = colourOf('ink');
    ctx.font = `600 ${15 * ratio}px ${family}`;
    ctx.fillText(figure.querySelector('h3').textContent, 12 * ratio, 20 * ratio);
    ctx.font = `${11 * ratio}px ${family}`;
    let left = 12 * ratio;
    for (const { label, colour } of legend) {
      ctx.fillStyle = colour;
      ctx.fillRect(left, 32 * ratio, 16 * ratio, 4 * ratio);
      ctx.fillStyle = colourOf('ink');
      ctx.fillText(label, left + 21 * ratio, 38 * ratio);
      left += 36 * ratio + ctx.measureText(label).width;
    }
    ctx.drawImage(image, 12 * ratio, head, width, height);
    ctx.fillStyle = colourOf('muted');
    const labels = [...figure.querySelectorAll('.y-label, .x-label')].map((label) => label.textContent);
    if (labels.length === 2) ctx.fillText(`${labels[0]} against ${labels[1]}`, 12 * ratio, canvas.height - 20 * ratio);
    ctx.fillText(figure.querySelector('.source').textContent, 12 * ratio, canvas.height - 6 * ratio, canvas.width - 24 * ratio);
    canvas.toBlob((blob) => save(blob, `${figure.dataset.chart}.png`), 'image/png');
  }

  /* Finished pictures: values under the pointer, and a button that saves them. */
  function bindPicture(holder) {
    const figure = holder.closest('figure');
    const tools = document.createElement('div');
    tools.className = 'tools';
    const acts = document.createElement('span');
    acts.className = 'acts';
    const png = button('PNG', () => {
      const shown = [...holder.querySelectorAll('svg')].filter((svg) => svg.getClientRects().length > 0);
      const sizes = shown.map((svg) => svg.viewBox.baseVal);
      const width = sizes.reduce((sum, size) => sum + size.width, 0);
      const whole = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
      let left = 0;
      shown.forEach((svg, i) => {
        const copy = svg.cloneNode(true);
        const styled = svg.querySelectorAll('*');
        copy.querySelectorAll('*').forEach((mark, k) => {
          const style = getComputedStyle(styled[k]);
          for (const name of ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'font-size', 'font-family']) mark.setAttribute(name, style.getPropertyValue(name));
        });
        const group = document.createElementNS('http://www.w3.org/2000/svg', 'g');
        group.setAttribute('transform', `translate(${left} 0)`);
        group.append(...copy.childNodes);
        whole.append(group);
        left += sizes[i].width;
      });
      const height = Math.max(...sizes.map((size) => size.height));
      for (const [name, value] of [['width', width * 2], ['height', height * 2], ['viewBox', `0 0 ${width} ${height}`]]) whole.setAttribute(name, value);
      const image = new Image();
      image.addEventListener('load', () => savePicture(figure, image, width * 2, height * 2, 2, []));
      image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(whole))}`;
    });
    png.title = 'Save the chart as PNG';
    acts.append(png);
    tools.append(acts);
    holder.before(tools);
    const tip = document.createElement('div');
    tip.className = 'tip wrap';
    tip.setAttribute('aria-hidden', 'true');
    const hide = () => tip.remove();
    holder.addEventListener('pointerleave', hide);
    holder.addEventListener('pointermove', (event) => {
      const mark = event.target.closest('[data-tip]');
      if (!mark) return hide();
      tip.textContent = mark.dataset.tip;
      holder.append(tip);
      const box = holder.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      tip.style.left = `${Math.max(0, Math.min(x + 14, box.width - tip.offsetWidth))}px`;
      tip.style.top = `${y + 16}px`;
    });
  }

  const CLOCK_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

  /* Tick distances of units that have their own: time in minutes and hours, counts in whole numbers. */
  function stepsOf(unit) {
    if (unit === 'clock') return { incrs: CLOCK_STEPS };
    if (unit === 'count') return { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 1e4, 1e5, 1e6] };
    return {};
  }

  /* Ticks of a log axis: whole decades, or 1-2-5, or every digit, as dense as `space` CSS pixels allow. */
  function logTicks(space) {
    const pick = (u, index, min, max) => {
      const pixels = (index === 0 ? u.bbox.width : u.bbox.height) / uPlot.pxRatio;
      const perDecade = pixels / Math.log10(max / min);
      for (const digits of [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]]) {
        const tightest = Math.log10(digits.length === 9 ? 10 / 9 : digits.length === 3 ? 2 : digits.length === 2 ? 3 : 10);
        if (perDecade * tightest < space && digits.length > 1) continue;
        const ticks = [];
        for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++) {
          for (const digit of digits) {
            const value = Number((digit * 10 ** power).toPrecision(3));
            if (value >= min && value <= max) ticks.push(value);
          }
        }
        if (ticks.length > 1) return ticks;
      }
      const rough = ((max - min) * space) / pixels;
      const unit = 10 ** Math.floor(Math.log10(rough));
      const step = unit * [1, 2, 5, 10].find((factor) => factor * unit >= rough);
      const ticks = [];
      for (let i = Math.ceil(min / step); i * step <= max; i++) ticks.push(Number((i * step).toPrecision(6)));
      return ticks;
    };
    return { splits: pick, filter: (_, ticks) => ticks };
  }

  /* Width of the y axis: what its widest label needs, and the same for most, so that stacked charts line up. */
  function axisSize(u, values, axisIndex, cycle) {
    const axis = u.axes[axisIndex];
    if (cycle > 1) return axis._size;
    u.ctx.save();
    u.ctx.font = axis.font[0];
    const width = (values ?? []).reduce((most, text) => Math.max(most, u.ctx.measureText(text).width), 0);
    u.ctx.restore();
    return Math.max(56, Math.ceil(width / uPlot.pxRatio) + axis.ticks.size + axis.gap + 2);
  }

  function button(text, action) {
    const made = document.createElement('button');
    made.type = 'button';
    made.append(document.createTextNode(text));
    made.addEventListener('click', action);
    return made;
  }

  const redraw = () => charts.forEach((chart) => chart.draw());

  for (const spec of specs) {
    const figure = document.querySelector(`[data-chart="${spec.id}"]`);
    if (figure) charts.push(new Chart(spec, figure));
  }
  document.querySelectorAll('.picture').forEach(bindPicture);
  const observer = new ResizeObserver((entries) => {
    for (const entry of entries) charts.find((chart) => chart.holder === entry.target)?.resize();
  });
  for (const chart of charts) observer.observe(chart.holder);

  /* Tables take the keyboard only where they scroll. */
  const scrolls = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const overflows = target.scrollWidth > target.clientWidth || target.scrollHeight > target.clientHeight + 1;
      if (overflows) target.tabIndex = 0;
      else target.removeAttribute('tabindex');
    }
  });
  for (const box of document.querySelectorAll('.scroll')) scrolls.observe(box);

  /* Theme: follows the system until chosen; the choice is remembered where storage is allowed. */
  const themes = ['auto', 'light', 'dark'];
  const themeKey = document.getElementById('theme');
  const setTheme = (name) => {
    if (name === 'auto') delete root.dataset.theme;
    else root.dataset.theme = name;
    themeKey.textContent = `Theme: ${name}`;
    themeKey.dataset.now = name;
    redraw();
  };
  const remembered = () => {
    try {
      return localStorage.getItem('tokentide-theme');
    } catch {
      return null;
    }
  };
  themeKey.hidden = false;
  themeKey.dataset.now = 'auto';
  const first = remembered();
  if (first && first !== 'auto' && themes.includes(first)) setTheme(first);
  themeKey.addEventListener('click', () => {
    const name = themes[(themes.indexOf(themeKey.dataset.now) + 1) % themes.length];
    setTheme(name);
    try {
      localStorage.setItem('tokentide-theme', name);
    } catch {
      /* A page opened from a place without storage forgets the choice. */
    }
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);

  /* Copy buttons; the selection serves where the clipboard is not allowed. */
  for (const key of document.querySelectorAll('[data-copy]')) {
    key.addEventListener('click', async () => {
      const block = document.getElementById(key.dataset.copy);
      let done = false;
      try {
        await navigator.clipboard.writeText(block.textContent);
        done = true;
      } catch {
        const range = document.createRange();
        range.selectNodeContents(block);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        done = document.execCommand('copy');
      }
      key.textContent = done ? 'Copied' : 'Selected: press Ctrl+C';
      setTimeout(() => {
        key.textContent = 'Copy';
      }, 1600);
    });
  }

  /* Paper is white and 180 mm wide. */
  let beforePrint = null;
  addEventListener('beforeprint', () => {
    beforePrint = root.dataset.theme ?? 'auto';
    root.dataset.theme = 'light';
    for (const chart of charts) {
      chart.printWidth = 660;
      chart.draw();
    }
  });
  addEventListener('afterprint', () => {
    for (const chart of charts) chart.printWidth = null;
    setTheme(beforePrint ?? 'auto');
  });
  root.dataset.drawn = String(charts.length);
})();
