//! A scripting language embedded in a program: maps, arrays, strings and closures, interpreted.

use allocator::{Checksum, measure};
use rhai::{Dynamic, Engine, INT, Scope};

const ROUNDS: INT = 20;

const SCRIPT: &str = r#"
    fn person(n) {
        #{ id: n, name: "person " + n, age: (n * 37) % 90, tags: ["t" + n % 7, "u" + n % 11], friends: [] }
    }

    fn describe(person) {
        let text = person.name + " (" + person.age + ")";
        for tag in person.tags { text += " #" + tag; }
        text
    }

    let people = [];
    for n in 0..3000 {
        let one = person(n + round);
        if n > 0 { one.friends.push(people[n / 2].name); }
        people.push(one);
    }

    let adults = people.filter(|one| one.age >= 18).map(|one| #{ key: one.name, text: describe(one), age: one.age });
    let groups = #{};
    for adult in adults {
        let key = "age" + adult.age / 10;
        if !(key in groups) { groups[key] = []; }
        groups[key].push(adult.text);
    }

    let total = 0;
    let lines = [];
    for key in groups.keys() {
        let texts = groups[key];
        texts.sort();
        total += texts.len();
        for text in texts { lines.push(key + ": " + text.to_upper().sub_string(0, 12)); }
    }
    keep.push(people);
    total.to_string() + "/" + lines.len() + "/" + lines[lines.len() / 2]
"#;

fn main() {
    measure(|| {
        let mut checksum = Checksum::default();
        let mut engine = Engine::new();
        engine.set_max_expr_depths(0, 0);
        let program = engine.compile(SCRIPT).expect("a valid script");
        let mut scope = Scope::new();
        scope.push("keep", rhai::Array::new());
        scope.push("round", 0 as INT);
        for round in 0..ROUNDS {
            scope.rewind(1).push("round", round);
            checksum.add(engine.eval_ast_with_scope::<String>(&mut scope, &program).expect("the script runs"));
            let kept = scope.get_mut("keep").expect("it was pushed");
            if let Some(mut kept) = kept.write_lock::<rhai::Array>()
                && kept.len() > 3
            {
                drop::<Dynamic>(kept.remove(0));
            }
        }
        (checksum.value(), (engine, scope))
    });
}
