// How a report's page looks: on a desk, on a telephone, in print, in the light and in the dark.

enum ReportStyle {
    static let sheet = colours + text + charts + tables + narrow + print

    private static let colours = """
        :root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6573;--line:#d8dde4;--paper:#fff;
        --accepted:#2b7a4b;--rejected:#b3372f;--observed:#b07a12}
        @media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa4b2;--line:#333c48;--paper:#14181e;
        --accepted:#55b57e;--rejected:#e26a60;--observed:#d8a73a}}

        """

    private static let text = """
        *{box-sizing:border-box}
        body{font:15px/1.5 system-ui,"DejaVu Sans",sans-serif;color:var(--ink);background:var(--paper);max-width:70rem;
        margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere;print-color-adjust:exact;-webkit-print-color-adjust:exact}
        h1{margin:0;font-size:1.7rem}header p{margin:.2rem 0}header p,footer{color:var(--soft)}footer{margin-top:2rem}
        h2{font-size:1.15rem;margin:2.2rem 0 .6rem}.totals{display:flex;gap:1rem 2rem;flex-wrap:wrap;margin-top:1rem}
        .totals b{display:block;font-size:1.6rem;font-variant-numeric:tabular-nums}
        .accepted b{color:var(--accepted)}.rejected b{color:var(--rejected)}.observed b{color:var(--observed)}
        article{border-left:4px solid var(--line);padding:.1rem 1rem;margin:.8rem 0}
        article h3{margin:.3rem 0 0;font-size:1rem}article p{margin:.2rem 0}
        article ul{margin:.2rem 0 .4rem;padding-left:1.2rem}
        .alarm{border-color:var(--rejected)}.warning{border-color:var(--observed)}
        .ip{white-space:nowrap;overflow-wrap:normal}

        """

    private static let charts = """
        .chart{display:grid;grid-template-columns:auto 1fr;gap:.3rem .5rem;font-size:.75rem;color:var(--soft)}
        .chart svg{width:100%;height:12rem;display:block}
        .y{display:flex;flex-direction:column;justify-content:space-between;text-align:right;line-height:1;
        font-variant-numeric:tabular-nums}
        .x{grid-column:2;position:relative;height:1.2em;white-space:nowrap}.x span{position:absolute;transform:translateX(-50%)}
        .x span:first-child{transform:none}.x span:last-child{transform:translateX(-100%)}
        rect{shape-rendering:crispEdges}
        .a{fill:var(--accepted)}.r{fill:var(--rejected)}.o{fill:var(--observed)}
        .g{stroke:var(--line);vector-effect:non-scaling-stroke}
        b.a{background:var(--accepted)}b.r{background:var(--rejected)}b.o{background:var(--observed)}
        .key{color:var(--soft);font-size:.75rem;margin:.3rem 0}
        .key b{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 .8em}
        .bars{width:100%;font-size:.88rem;border-collapse:collapse}
        .bars th{font-weight:normal;text-align:left;white-space:nowrap;width:1%;padding-right:.8rem}
        .bars .n{width:1%;white-space:nowrap;padding-right:.8rem}.bar b{display:inline-block;height:.8em;min-width:1px}
        .bar{white-space:nowrap;line-height:1}

        """

    private static let tables = """
        .list{border-collapse:collapse;width:100%;font-size:.88rem}.list th,.list td{text-align:left;padding:.25rem .6rem;
        border-bottom:1px solid var(--line);vertical-align:top}.list th,.list .w{overflow-wrap:normal}
        .list td:last-child{min-width:3.5rem}
        .list .n,td.n{white-space:nowrap;text-align:right;font-variant-numeric:tabular-nums}

        """

    private static let narrow = """
        @media(max-width:45rem){.x span:nth-child(even){display:none}}
        @media screen and (max-width:64rem){.list thead{display:none}
        .list tr{display:block;border-bottom:1px solid var(--line);padding:.4rem 0}
        .list td,.list td.n{display:flex;gap:.8rem;border:0;padding:.1rem 0;text-align:left}
        .list td:last-child{min-width:0}.list td:empty{display:none}
        .list td::before{content:attr(data-name);color:var(--soft);flex:0 0 6rem}}

        """

    private static let print = """
        @page{margin:15mm}
        @media print{:root{color-scheme:light;--ink:#000;--soft:#444;--line:#ccc;--paper:#fff;--accepted:#2b7a4b;
        --rejected:#b3372f;--observed:#b07a12}body{max-width:none;margin:0;padding:0;font-size:10pt}
        article,tr,.whole{break-inside:avoid}h2,h3{break-after:avoid}thead{display:table-header-group}
        .list{font-size:7.5pt}.list th,.list td{padding:.15rem .35rem}}
        """
}
