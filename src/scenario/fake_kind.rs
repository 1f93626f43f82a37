//! The kinds of realistic value, and their words.

/// The kinds of realistic value that a field can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum FakeKind {
    Name,
    FirstName,
    LastName,
    Email,
    Phone,
    Company,
    Product,
    City,
    Street,
    Postcode,
    State,
    Country,
    CountryCode,
    CurrencyCode,
    Ipv4,
    UserAgent,
    Url,
    Word,
    Sentence,
    Color,
    CreditCard,
}

impl FakeKind {
    /// The words for the kinds in scenario files, in the order of the kinds; then those of the kinds with settings.
    pub const NAMES: &'static [&'static str] = &[
        "name",
        "first_name",
        "last_name",
        "email",
        "phone",
        "company",
        "product",
        "city",
        "street",
        "postcode",
        "state",
        "country",
        "country_code",
        "currency_code",
        "ipv4",
        "user_agent",
        "url",
        "word",
        "sentence",
        "color",
        "credit_card",
        "int",
        "decimal",
        "choice",
    ];

    /// All kinds, in the order of [`FakeKind::NAMES`].
    pub const ALL: [FakeKind; 21] = [
        FakeKind::Name,
        FakeKind::FirstName,
        FakeKind::LastName,
        FakeKind::Email,
        FakeKind::Phone,
        FakeKind::Company,
        FakeKind::Product,
        FakeKind::City,
        FakeKind::Street,
        FakeKind::Postcode,
        FakeKind::State,
        FakeKind::Country,
        FakeKind::CountryCode,
        FakeKind::CurrencyCode,
        FakeKind::Ipv4,
        FakeKind::UserAgent,
        FakeKind::Url,
        FakeKind::Word,
        FakeKind::Sentence,
        FakeKind::Color,
        FakeKind::CreditCard,
    ];

    /// The kind that a scenario file calls so.
    pub fn from_name(name: &str) -> Option<FakeKind> {
        let index = FakeKind::NAMES.iter().position(|n| *n == name)?;
        FakeKind::ALL.get(index).copied()
    }

    /// What a scenario file calls it.
    pub fn name(self) -> &'static str {
        FakeKind::NAMES[self as usize]
    }
}
