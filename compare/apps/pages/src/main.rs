//! What a site generator does: templates compiled, pages of lists and tables rendered from a model.

use allocator::{Checksum, Input, measure};
use minijinja::{Environment, Value, context};
use std::collections::BTreeMap;

const PAGES: usize = 1_100;
const KEPT: usize = 300;

const LAYOUT: &str = "<!doctype html><title>{{ title|title }}</title><nav>{% for link in links %}<a href=\"/{{ link }}\">\
                      {{ link|upper }}</a>{% endfor %}</nav>{% block body %}{% endblock %}";
const PAGE: &str = "{% extends 'layout' %}{% macro cell(text) %}<td>{{ text|trim|escape }}</td>{% endmacro %}\
                    {% block body %}<h1>{{ title }}</h1><table>{% for row in rows %}<tr class=\"{{ loop.cycle('odd', 'even') }}\">\
                    {{ cell(row.name) }}{{ cell(row.note|replace('a', '<b>')) }}<td>{{ row.count * 3 + loop.index }}</td>\
                    <td>{% for tag in row.tags|sort %}{{ tag }}{% if not loop.last %}, {% endif %}{% endfor %}</td></tr>\
                    {% endfor %}</table>{% for group in rows|groupby('kind') %}<h2>{{ group.grouper }}: {{ group.list|length }}</h2>\
                    {{ group.list|map(attribute='name')|join('; ') }}{% endfor %}{% endblock %}";

fn main() {
    measure(|| {
        let mut input = Input::new(3);
        let mut checksum = Checksum::default();
        let mut kept: Vec<String> = Vec::new();
        for number in 0..PAGES {
            let mut environment = Environment::new();
            environment.add_template("layout", LAYOUT).expect("a valid template");
            environment.add_template("page", PAGE).expect("a valid template");
            let links: Vec<String> = (0..12).map(|_| input.word()).collect();
            let rows: Vec<Value> = (0..80 + input.below(120)).map(|_| row(&mut input)).collect();
            let page = environment.get_template("page").expect("it was added");
            let html = page.render(context! { title => input.words(4), links, rows }).expect("it renders");
            checksum.add(&html);
            if kept.len() < KEPT {
                kept.push(html);
            } else {
                kept[number % KEPT] = html;
            }
        }
        (checksum.value(), kept)
    });
}

fn row(input: &mut Input) -> Value {
    let mut fields: BTreeMap<&str, Value> = BTreeMap::new();
    fields.insert("name", Value::from(input.words(2)));
    fields.insert("note", Value::from(input.words(10)));
    fields.insert("count", Value::from(input.below(1000)));
    fields.insert("kind", Value::from(input.choose(&["book", "film", "song", "game", "play"])));
    fields.insert("tags", Value::from((0..input.below(6)).map(|_| input.word()).collect::<Vec<_>>()));
    Value::from(fields)
}
